"""The formats of recordings, one file each: ``layout`` says what a file holds and gives its events, piece by piece."""
