"""What is read of `perf`."""

import pytest
from benchmarks.profiling import KINDS, PYTHON, shares

SHOWN = """# Samples: 14K of event 'cpu-clock:pppH'
#
# Overhead,Shared Object
 50.00% ,libpython3.11.so.1.0
 20.00% ,[kernel.kallsyms]
 15.00% ,libsqlite3.so.0.8.6
 5.00%  ,_sqlite3.cpython-311-x86_64-linux-gnu.so
 5.00%  ,libm.so.6
 5.00%  ,libstdc++.so.6

"""


def test_samples_are_counted_by_the_kind_of_their_library() -> None:
    found = shares(SHOWN)
    wanted = {PYTHON: 0.5, "kernel": 0.2, "SQLite": 0.2, "anything else": 0.1}
    assert found == pytest.approx({**dict.fromkeys(KINDS, 0.0), **wanted})


def test_shares_are_of_what_was_sampled() -> None:
    assert shares(" 30.00% ,python3.11\n 10.00% ,libc.so.6\n")["C library"] == pytest.approx(0.25)


def test_no_sample_is_no_profile() -> None:
    with pytest.raises(OSError, match="no sample"):
        shares("# Total Lost Samples: 0\n")
