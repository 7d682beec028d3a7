"""One file for each page; each draws itself with `page()`."""
