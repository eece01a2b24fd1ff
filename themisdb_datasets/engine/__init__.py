"""What only the server needs: from source files to the bytes of a stream, floor upon floor."""
