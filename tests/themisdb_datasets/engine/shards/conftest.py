"""What the tests of shards share."""

DATA = b"".join(b'{"n":%d,"o":{"x":"\\u00e4%d"},"t%d":null}\n' % (n, n, n % 3) for n in range(500))
