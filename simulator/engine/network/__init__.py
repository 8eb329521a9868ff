"""The network of routers: its links, routes and work space, as the kernels take them."""
