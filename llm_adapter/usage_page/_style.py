"""How a page of usage looks: light, dark, small and printed."""

from __future__ import annotations

# Any two colors of a stack differ by 10 of 100 in OKLab at least, also as protanopia,
# deuteranopia and tritanopia change them (Machado et al., 2009).
STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b212b;--soft:#5a6472;
--rule:#e3e6eb;--base:#9aa3b0;--hover:rgba(30,50,90,.07);
--s0:#27408f;--s1:#e58a2e;--s2:#1b8a9e;--s3:#8c2346;--s4:#74aef5;--s5:#c9ced6;
--e0:#7f1d2d;--e1:#d9532f;--e2:#f0a030;--e3:#f7dc9c;--e4:#7a6fb0;--e5:#b4bac5}
@media (prefers-color-scheme:dark){:root{--page:#0f1217;--card:#171b22;--ink:#e8ebf0;
--soft:#a0a9b6;--rule:#2a303a;--base:#667080;--hover:rgba(200,220,255,.09);
--s0:#3f74d0;--s1:#e9a23c;--s2:#a9efe4;--s3:#c9628c;--s4:#6fb0f5;--s5:#50565f;
--e0:#d24f66;--e1:#f08a5d;--e2:#f6c56f;--e3:#fbecd0;--e4:#7a72cc;--e5:#424851}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,
sans-serif;font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
main{max-width:1200px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:26px;line-height:1.2;letter-spacing:-.01em;margin:0}
h2{font-size:15px;font-weight:600;margin:0}
p{margin:0}.about{color:var(--soft);margin-top:6px;overflow-wrap:anywhere}
.note{margin:0 0 16px;padding:10px 14px;border-left:3px solid var(--s1);
background:var(--card);border-radius:0 6px 6px 0;overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;
padding:18px 20px;min-width:0;margin:0}
.totals{display:grid;
grid-template-columns:minmax(max-content,1.5fr) repeat(4,minmax(0,1fr));
margin:24px 0 16px;padding:0;overflow:hidden}
.totals div{padding:16px 20px;border-left:1px solid var(--rule);min-width:0}
.totals div:first-child{border-left:0}
dt{color:var(--soft);font-size:13px}
dd{margin:0}.figure{font-size:25px;font-weight:600;line-height:1.3;
letter-spacing:-.01em;overflow-wrap:anywhere}
.detail{color:var(--soft);font-size:13px}
.plots{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}
figure{display:flex;flex-direction:column}
figure svg{display:block;width:100%;height:auto;margin-top:auto;padding-top:10px;
flex:none;overflow:visible}
svg text{font-size:12px;fill:var(--soft)}svg .y{text-anchor:end}
.grid,.base{stroke:var(--rule);stroke-width:1;fill:none}.base{stroke:var(--base)}
.bars path{stroke-width:.6}
.bars .s0,.bars .s1,.bars .s2,.bars .s3,.bars .s4,.bars .s5,
.bars .e0,.bars .e1,.bars .e2,.bars .e3,.bars .e4,.bars .e5,
.bars .t0,.bars .t1,.bars .t2{stroke:var(--card)}
.fine path{shape-rendering:crispEdges}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.day{fill:transparent}.day:hover{fill:var(--hover)}
.s0{fill:var(--s0)}.s1{fill:var(--s1)}.s2{fill:var(--s2)}
.s3{fill:var(--s3)}.s4{fill:var(--s4)}.s5{fill:var(--s5)}
.e0{fill:var(--e0)}.e1{fill:var(--e1)}.e2{fill:var(--e2)}
.e3{fill:var(--e3)}.e4{fill:var(--e4)}.e5{fill:var(--e5)}
.t0{fill:var(--s0)}.t1{fill:var(--s4)}.t2{fill:var(--s1)}
.line.l0{stroke:var(--s4)}.line.l1{stroke:var(--s0)}
.line.l2{stroke:var(--s1);stroke-dasharray:5 4}
.dot.l0{fill:var(--s4)}.dot.l1{fill:var(--s0)}.dot.l2{fill:var(--s1)}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;margin:8px 0 0;
padding:0;font-size:13px;color:var(--soft);min-height:20px}
.legend li{display:flex;align-items:center;gap:7px;max-width:100%;min-width:0}
.legend bdi{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.key{flex:none;width:11px;height:11px;border-radius:2px}
i.s0,i.t0{background:var(--s0)}i.s1,i.t2{background:var(--s1)}i.s2{background:var(--s2)}
i.s3{background:var(--s3)}i.s4,i.t1{background:var(--s4)}i.s5{background:var(--s5)}
i.e0{background:var(--e0)}i.e1{background:var(--e1)}i.e2{background:var(--e2)}
i.e3{background:var(--e3)}i.e4{background:var(--e4)}i.e5{background:var(--e5)}
i.l0,i.l1,i.l2{width:18px;height:0;border-radius:0;border-top:2px solid var(--s4)}
i.l1{border-color:var(--s0)}i.l2{border-top:2px dashed var(--s1)}
details{margin-top:10px}summary{cursor:pointer;color:var(--soft);font-size:13px}
.scroll{overflow:auto;max-height:40rem}details .scroll{max-height:20rem;margin-top:8px}
section.card{margin-top:16px}
table{border-collapse:collapse;width:100%;font-size:14px}
details table{font-size:13px}
th,td{padding:7px 10px;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--rule)}
thead th{position:sticky;top:0;background:var(--card);color:var(--soft);font-size:13px;
font-weight:500;vertical-align:bottom}
details thead th+th{white-space:normal;overflow-wrap:anywhere;min-width:5rem}
th:first-child{text-align:left;padding-left:0}td:last-child,th:last-child{padding-right:0}
tbody th{font-weight:400}tbody th.name{white-space:normal;overflow-wrap:anywhere;
min-width:11rem;max-width:26rem}
tbody tr:last-child>*{border-bottom:0}
tfoot>tr>*{font-weight:600;border-bottom:0;position:sticky;bottom:0;
background:var(--card);box-shadow:inset 0 1px var(--base)}
.sums th:first-child{width:24%}.sums th:nth-child(2){width:92px}
.sums th:nth-child(3){width:150px}
.sums th:nth-child(4),.sums th:nth-child(6){width:72px}.sums th:nth-child(5){width:84px}
.sums th:nth-child(7),.sums th:nth-child(8){width:100px}
.sums th:nth-child(9){width:92px}.sums th:nth-child(10){width:104px}
.part{display:flex;align-items:center;justify-content:flex-end;gap:8px}
.part i{display:block;height:8px;border-radius:1px;background:var(--s0);min-width:0}
.part span{flex:none;width:88px;background:none}
.missing{color:var(--soft);font-style:italic}
footer{margin-top:24px;color:var(--soft);font-size:13px}
@media screen and (max-width:900px){.plots{grid-template-columns:minmax(0,1fr)}
.totals{grid-template-columns:repeat(2,1fr)}
.totals div{border-left:0;border-top:1px solid var(--rule)}
.totals div:first-child{grid-column:1/-1;border-top:0}
.totals div:nth-child(odd):not(:first-child){border-left:1px solid var(--rule)}}
@media screen and (max-width:560px){main{padding:20px 12px 32px}.card{padding:14px}
.totals{padding:0}.totals div{padding:12px 14px}.figure{font-size:21px}
svg text{font-size:18px}svg .y{font-size:17px}tbody th.name{min-width:8.5rem}
.sums th:first-child{position:sticky;left:0;background:var(--card);z-index:1}
.part span{display:none}}
@media print{:root{--page:#fff;--card:#fff}main{max-width:none;padding:0}
body{font-size:11px;-webkit-print-color-adjust:exact;print-color-adjust:exact}
.scroll{max-height:none;overflow:visible}details{display:none}
figure,.totals,tr{break-inside:avoid}thead th{position:static}
tfoot{display:table-row-group}
tfoot>tr>*{position:static;box-shadow:none;border-top:1px solid var(--base)}
table{font-size:10px}th,td{padding:4px 5px}thead th{font-size:10px}
h2{break-after:avoid}svg text{font-size:16px}.legend,dt,.detail{font-size:10px}
.figure{font-size:17px}.card{padding:12px 14px}.totals{padding:0}
.totals div{padding:10px 14px}.part span{width:48px}.sums th:nth-child(n){width:auto}
tbody th.name{min-width:0}section.card{margin-top:12px}footer{margin-top:8px}}
"""
