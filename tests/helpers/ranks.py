"""Ranks that are threads of this process, or other processes, and reach each other through sockets."""

import socket
import threading


class Pipes:
    """A communicator of `chainrule.communicators.Communicator` with a socket to each other rank."""

    def __init__(self, rank, sockets):
        self.rank, self.size = rank, len(sockets)
        self.sockets = sockets
        self.sent = self.messages = 0

    def send(self, data, to):
        try:
            self.sockets[to].sendall(data)
        except OSError as error:
            raise ConnectionError(f"rank {to} has ended") from error
        self.sent += len(data)
        self.messages += 1

    def receive(self, data, source):
        while len(data) > 0:
            try:
                count = self.sockets[source].recv_into(data)
            except OSError:
                count = 0
            if count == 0:
                raise ConnectionError(f"rank {source} has ended")
            data = data[count:]

    def broadcast(self, data, root):
        if self.rank == root:
            for other in range(self.size):
                if other != root:
                    self.send(data, other)
        else:
            self.receive(data, root)

    def close(self):
        for one in self.sockets:
            if one is not None:
                one.close()


def connected(size):
    """Return a communicator for each of some ranks."""
    sockets = [[None] * size for _ in range(size)]
    for low in range(size):
        for high in range(low + 1, size):
            sockets[low][high], sockets[high][low] = socket.socketpair()
    return [Pipes(rank, own) for rank, own in enumerate(sockets)]


def on_ranks(size, function):
    """Call function(communicator) on each rank, in threads; return what it returns, or the errors that it raises."""
    results = [None] * size

    def run(communicator):
        try:
            results[communicator.rank] = function(communicator)
        except BaseException as error:
            results[communicator.rank] = error
        finally:
            communicator.close()

    threads = [threading.Thread(target=run, args=(communicator,)) for communicator in connected(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a rank hangs"
    return results
