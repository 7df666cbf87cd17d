"""config.json on the board in CI: what is changed, what is refused, and what a wrong one does."""

import json

from board.supervisor import Supervisor


def held(board) -> dict:
    return json.loads((board.folder / "config.json").read_text())


def test_a_change_is_checked_by_the_board_and_told(board, command):
    said, status = command("config", board.port, "name=hall", "port=0", 'grants=["allow in x"]')
    assert status == 0 and '"name": "hall"' in said and " hall\n" in said
    assert held(board)["name"] == "hall" and held(board)["grants"] == ["allow in x"]
    said, status = command("config", board.port, "grants=null", "name=7")
    assert status == 1 and '"name" has to be a text of 1 to 32 bytes, not 7' in said
    assert held(board)["name"] == "hall" and "grants" in held(board)
    assert command("config", board.port, "grants=null")[1] == 0
    assert "grants" not in held(board)


def test_an_unknown_setting_is_answered_with_those_that_there_are(board, command):
    before = (board.folder / "config.json").read_bytes()
    said, status = command("config", board.port, "prot=80")
    assert status == 1 and 'no setting "prot"; there are address baud' in said
    assert command("config", board.port, "nonsense")[1] == 1
    assert (board.folder / "config.json").read_bytes() == before


def test_a_password_is_asked_for_and_not_shown(board, command, monkeypatch):
    monkeypatch.setattr("click.prompt", lambda *_, **__: "12345678")
    said, _ = command("config", board.port, "--wifi", "home")
    assert held(board)["wifi"] == ["home", "12345678"]
    assert "home" in said and "12345678" not in said
    assert "failed: Wi-Fi: this port has no module network" in said  # and the node goes on without


def test_a_board_without_a_node_says_so(bare, command):
    said, status = command("config", bare.port)
    assert status == 1 and "there is no config.json" in said
    said, status = command("config", bare.port, "name=x")
    assert status == 1 and "install it first" in said


def test_a_wrong_configuration_leaves_the_board_within_reach(flash, command):
    """Edited by hand: the board says again and again what is wrong, and can be mended."""
    (flash / "config.json").write_text('{"name": "", "baud": "fast", "serial": "usb"}')
    with Supervisor(flash) as board:
        for _ in range(2):
            board.wait_for(b'"baud" has to be 1200 to 4000000, not "fast"')
        said, status = command("config", board.port, "name=hall", "baud=null", "serial=console")
        assert status == 0 and " hall\n" in said
        (flash / "config.json").write_text("{")
        said, status = command("run", board.port)
        assert status == 1 and "config.json is no JSON" in said
        said, status = command("config", board.port, "name=mended")
        assert status == 0 and " mended\n" in said
        assert (flash / "config.json.damaged").read_text() == "{"
        (flash / "config.json").unlink()
        said, status = command("config", board.port, "name=made")
        assert status == 0 and " made\n" in said


def test_nothing_to_reach_the_node_by_is_refused(board, command):
    said, status = command("config", board.port, "serial=")
    assert status == 1 and "nobody could reach this node" in said


def test_a_program_beside_the_node(flash, command):
    (flash / "app.py").write_text("""
async def hello(session, stream):
    await stream.write(b"hello")

async def main(bus):
    bus.on_stream("hello", hello)
    print("app runs on", bus.id)
    raise ValueError("a fault of the app")
""")
    with Supervisor(flash, heap="1M") as board:
        board.wait_for(b"a fault of the app")
        said, status = command("run", board.port)
        assert status == 0 and "app runs on" in said and "line on the console" in said
        (flash / "app.py").write_text("def main(:\n")
        said, status = command("run", board.port)
        assert status == 0 and "SyntaxError" in said and "line on the console" in said
