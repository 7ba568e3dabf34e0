"""Images: what a folder of ``images/`` describes, what is asked for, how it is built."""
