"""The paper venue: live market data, and orders matched against it by an account of its own."""
