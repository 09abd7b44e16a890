"""
How the page looks.
"""

from __future__ import annotations

__all__ = ["STYLE"]

#: The style sheet.
STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1d242c;--soft:#5b6672;
--line:#e0ddd7;--lane:#f3f1ec;--known:#9aa8b5;--predicted:#3f7fd4;--missed:#d9690a;
--back:#7147c9;--stall:#b3261e;--equal:#22916a;--bad:#c4182f;--badsoft:#fbe5e7;
--goodsoft:#e0f3ea;--focus:#0b62d6}
@media (prefers-color-scheme:dark){:root{--paper:#12161b;--card:#1a2027;--ink:#e4e8ec;
--soft:#9aa6b2;--line:#2d3640;--lane:#202830;--known:#66737f;--predicted:#5b9bf0;
--missed:#ff9a3c;--back:#ab8bf5;--stall:#ff7a70;--equal:#3dbb8c;--bad:#ff6b7d;
--badsoft:#41202a;--goodsoft:#173a2e;--focus:#7db4ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.2;margin:0 0 2px;letter-spacing:-.01em}
h2{font-size:18px;margin:36px 0 10px}
h3{font-size:15px;margin:22px 0 8px}
h4{font-size:15px;margin:0 0 6px}
p{margin:6px 0}
a{color:var(--focus)}
code,pre,.bytes,.inputs,.said{font-family:ui-monospace,"SF Mono",Menlo,Consolas,
"Liberation Mono",monospace;font-size:13px}
.sub,.note{color:var(--soft)}
.banner{margin:18px 0 4px;padding:14px 18px;border-radius:8px;border-left:6px solid;
font-size:16px}
.banner.good{background:var(--goodsoft);border-color:var(--equal)}
.banner.bad{background:var(--badsoft);border-color:var(--bad)}
.banner strong{display:block}
.banner p{font-size:15px}
.card,.part{background:var(--card);border:1px solid var(--line);border-radius:8px}
.card{padding:14px}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse}
th,td{padding:5px 12px 5px 0;text-align:left;vertical-align:top}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:500;font-size:13px;border-bottom:1px solid var(--line)}
tbody tr+tr>*{border-top:1px solid var(--line)}
.totals{width:100%}.totals td:not(:last-child){white-space:nowrap}
.totals td{font-variant-numeric:tabular-nums}
.totals td:last-child{min-width:15em;overflow-wrap:anywhere}
.totals tbody th{font-weight:600;white-space:nowrap}
.warn{color:var(--bad)}
.frames{display:flex;position:relative}
.labels{flex:none}
.scroll{overflow-x:auto;display:flex;flex:1;min-width:0;position:relative;
border-left:1px solid var(--line)}
.piece{flex:none;display:block;overflow:visible}
.overview{display:block;width:100%;height:auto;cursor:pointer}
svg text{fill:var(--soft);font-size:11px;font-family:inherit}
svg .peer{fill:var(--ink);font-weight:600;font-size:12.5px}
svg .axis{font-size:12px}
svg .tick{font-variant-numeric:tabular-nums}
svg .flag{fill:var(--bad);font-weight:700;font-size:12px}
.lane{fill:var(--lane)}.known{fill:var(--known)}.predicted{fill:var(--predicted)}
.missed{fill:var(--missed)}.stall{fill:var(--stall)}.equal{fill:var(--equal)}
.differ{fill:var(--bad)}.depth{fill:var(--back)}
path.back{fill:none;stroke:var(--back);stroke-width:1.5;vector-effect:non-scaling-stroke}
.bars path.back{fill:var(--back);stroke:none}
.mark{fill:var(--bad);fill-opacity:.28}
.cursor{position:absolute;top:0;bottom:0;width:0;border-left:2px solid var(--ink);
pointer-events:none}
.tools{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:0 0 10px}
[hidden]{display:none!important}
button,input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--soft);
border-radius:6px;padding:3px 11px}
button{cursor:pointer}input{width:8em}
:focus-visible{outline:3px solid var(--focus);outline-offset:1px}
.readout{min-height:3.2em;margin-top:10px;white-space:pre-line}
.key{display:flex;flex-wrap:wrap;gap:6px 20px;margin:10px 0 0;padding:0;list-style:none;
color:var(--soft);font-size:13.5px}
.key svg{vertical-align:-2px;margin-right:6px}
.states{display:grid;gap:12px}
.states>*{min-width:0}
.part{padding:12px 14px}
summary{cursor:pointer}
pre{margin:8px 0 0;overflow-x:auto;max-height:22em}
.badge{display:inline-block;font:600 12px/1.5 system-ui,sans-serif;border-radius:99px;
padding:1px 9px;vertical-align:1px}
.badge.good{background:var(--goodsoft);color:var(--equal)}
.badge.bad{background:var(--badsoft);color:var(--bad)}
.bytes td,.bytes tbody th{white-space:pre;padding-right:26px}
.bytes tbody th{font-weight:400;color:var(--soft);text-align:right}
.bytes b,.inputs b{background:var(--badsoft);color:var(--bad);border-radius:3px;
outline:1px solid var(--bad);padding:0 1px}
.bytes td.skip{color:var(--soft);font-style:italic}
.inputs td{white-space:nowrap}
.inputs tr.here>*{background:var(--badsoft)}
.inputs .guess{color:var(--missed)}
.inputs .guess::before{content:"✗ "}
.list{margin:0;padding-left:20px}.list li{overflow-wrap:anywhere}
footer{margin-top:40px;color:var(--soft);font-size:13.5px;border-top:1px solid var(--line);
padding-top:12px}
@media print{.tools{display:none}}
"""
