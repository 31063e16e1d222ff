"""A jam page without a server: one HTML file, or a folder, that plays offline.

The page is that of the server, and so is the session: the modules of this library run in the page's worker, by Python
compiled to WebAssembly (Pyodide), and the network runs on ONNX Runtime for WebAssembly. So what holds for the server
holds for the page, note for note.

`export` makes the page; `packages` has what it is made of besides this library, `page` writes it as a file or a folder,
`host` is the session in the worker, and `bridge` lies between it and the worker's JavaScript (`web/src/offline/`).
"""
