"""The phone page and the JSON it lives on."""
