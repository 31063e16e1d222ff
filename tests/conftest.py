"""Its presence lets tests in every folder `import build`."""
