"""
Judges that we did not write: foreign programs run against our relay, or
against coturn, which shows that a judge can let somebody pass.

Every module C{judge_*.py} here is run by itself, as C{.ci/run} does:
C{python -m twisted.trial tests.judges.judge_uclient}.  They take minutes, so
C{trial tests} leaves them out.

C{GAMENET_REQUIRE_FOREIGN=1} makes a missing program a failure; without it, it
is a skip that names the program.  C{GAMENET_JUDGED=coturn} judges coturn.
"""
