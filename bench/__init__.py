"""What Egide claims about speed, measured with its peers in one run (`make bench`)."""
