"""OCI artifacts: what they are, and the registries and layouts that hold them."""
