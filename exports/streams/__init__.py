"""The live stream: chunks to sockets, encoded, leased, told."""
