"""HTML pages: the start page, a page for each error code, and the reference.

A page is a typed value with samples; its template sees nothing else. None asks another host for
anything, and none needs JavaScript but `/try`, where development servers show the vendor's SDK at
work.
"""
