"""Networks from the forms of other packages."""
