"""The rights desk: what people ask about their data, until when it is answered, and erasure."""
