"""Hears what every client in this process receives from some places, over whatever socket, so that no test has to think of it."""
import collections
import socket
import ssl
import weakref

LONGEST_HEARD = 64 << 20  # a connection

places = set()  # ports and paths of sockets: what comes from elsewhere is not kept
heard = collections.defaultdict(list)  # by where it came from, a port or a path: the bytes of each connection
of_socket = weakref.WeakKeyDictionary()


def keep(sock, data):
    if sock not in of_socket:
        try:
            peer = sock.getpeername()
        except OSError:
            return  # it has gone already
        at = peer[1] if isinstance(peer, tuple) else peer
        of_socket[sock] = bytearray() if at in places else None
        if at in places:
            heard[at].append(of_socket[sock])
    kept = of_socket[sock]
    if kept is not None and len(kept) < LONGEST_HEARD:
        kept += data


def listen_in(kind, name, data_of):
    """Has the method `name` of a class of sockets tell what it returns. `data_of(result, arguments)` are the bytes."""
    original = getattr(kind, name)

    def method(self, *arguments, **options):
        result = original(self, *arguments, **options)
        if result:
            keep(self, data_of(result, arguments))
        return result

    setattr(kind, name, method)


def of_read(result, arguments):
    """SSLSocket.read(length, buffer) returns a count where there is a buffer."""
    return result if isinstance(result, bytes) else bytes(arguments[1][:result])


listen_in(socket.socket, "recv", lambda result, _: result)
listen_in(socket.socket, "recv_into", lambda result, arguments: bytes(memoryview(arguments[0]).cast("B")[:result]))
listen_in(ssl.SSLSocket, "read", of_read)  # of all others that it has


def take(at):
    """What has come from there since it was last asked for, connection by connection."""
    for data in heard[at]:
        yield bytes(data)
        data.clear()
