import os, pytest
@pytest.fixture(scope="session")
def service(): return "http://127.0.0.1:8766"
