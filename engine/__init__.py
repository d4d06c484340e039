"""What trades: the domain, the decisions and the service that runs them."""
