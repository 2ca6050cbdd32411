"""What of a requirements.txt this very Python does not meet."""
from switchboard_rasa.requirements import missing


def test_names_each_line_that_is_not_met_and_what_is_there_instead():
    text = "\n".join([
        "# a comment",
        "rasa>=3.6,<4  # the server",
        "RASA_SDK",
        "no-such-package-here==1.0 --hash=sha256:00",
        "rasa==2.8.0",
        "pywin32; sys_platform == 'win32'",
        "--extra-index-url https://example.org/simple",
        "-r more.txt",
        "",
    ])
    found = missing(text)
    assert [(one["line"], one["text"]) for one in found] == [
        (4, "no-such-package-here==1.0"), (5, "rasa==2.8.0"), (8, "-r more.txt"),
    ]
    assert found[0]["installed"] is None
    assert found[1]["installed"].startswith("3.6")
