"""How the report looks: light, or dark where the reader's system is."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1c2128;--soft:#59636e;--line:#d6dbe1;--card:#f6f8fa;--up:#0a6b2d;
--down:#a40e26;--heat:217 72% 45%}
@media(prefers-color-scheme:dark){:root{--page:#14181d;--ink:#e6e9ec;--soft:#a3adb8;--line:#3a424c;--card:#1d232a;
--up:#5fd68a;--down:#ff8a95;--heat:212 80% 66%}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:70rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.7rem;margin:.5rem 0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
.gain{font-size:1.15rem}.gain strong{font-size:1.8rem}
.up strong,td.up{color:var(--up)}.down strong,td.down{color:var(--down)}
.note{color:var(--soft);font-size:.92rem}
.warning{border-left:4px solid var(--down);padding:.1rem .9rem;color:var(--down)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.95rem}
th,td{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap;vertical-align:top}
th{white-space:normal}
th:first-child,td:first-child{text-align:left}
tr.whole td{font-weight:600}
small{color:var(--soft);font-weight:400}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:.8rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
img{max-width:100%;height:auto}
.figure{background:#fff;border:1px solid var(--line);border-radius:6px;padding:.5rem;display:block}
.keys{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;padding:0;margin:.5rem 0 0;font-size:.92rem}
.keys li{display:flex;align-items:center;gap:.5rem}.keys i{flex:none}
.keys .dot{width:8px;height:8px;border-radius:50%;background:currentColor}
.keys .line{width:26px;border-top:3px solid}.keys .dash{width:26px;border-top:2px dashed}
.keys .whisker{height:16px;border-left:3px solid;margin:0 8px}
.grid{display:grid;gap:4px}.grid img{display:block;width:100%;border-radius:3px}
.grid figure{margin:0}.grid figcaption{font-size:.8rem;color:var(--soft);overflow-wrap:anywhere}
.heat td{text-align:center;padding:.25rem .4rem;border:1px solid var(--line)}
.weights td{background:hsl(var(--heat)/calc(var(--w)*.6))}
.heat th{text-align:center;border:1px solid var(--line);white-space:normal}
pre{background:var(--card);padding:.8rem;border-radius:6px;overflow:auto;font-size:.85rem;white-space:pre-wrap;
overflow-wrap:anywhere}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1.5rem}
@media print{main{max-width:none}}
"""
