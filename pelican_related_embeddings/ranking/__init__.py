"""Terms and vectors to lists: who is near whom, how near, and who is shown."""
