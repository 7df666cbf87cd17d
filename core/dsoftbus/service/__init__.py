"""Services: values, calls and what is built of them."""
