"""Networks in the forms of other packages."""
