"""What Egide claims about speed, measured with its peers in the same run (`make bench`, docs/performance.md)."""
