"""
What the page does beyond showing: zoom, going to a frame, and what a frame was.

Without it everything is there to be read and scrolled.  It is given no text but what
the page has, and writes none but as text.
"""

from __future__ import annotations

__all__ = ["SCRIPT"]

#: The page's one script.
SCRIPT = """
"use strict";
(function () {
  var holder = document.getElementById("data");
  var scroll = document.getElementById("scroll");
  if (!holder || !scroll) { return; }
  var data = JSON.parse(holder.textContent);
  var pieces = Array.prototype.slice.call(scroll.querySelectorAll("svg.piece"));
  var scale = data.scale, shown = null;
  var cursor = document.createElement("div");
  cursor.className = "cursor";
  cursor.hidden = true;
  scroll.appendChild(cursor);
  function byId(id) { return document.getElementById(id); }
  function column(frame) { return Math.floor((frame - data.first) / data.bucket); }
  function draw() {
    pieces.forEach(function (piece) {
      piece.setAttribute("width", Number(piece.dataset.count) * scale);
      piece.querySelector("g.scaled").setAttribute("transform", "scale(" + scale + " 1)");
      var last = -1e9, at = Number(piece.dataset.start) * scale;
      piece.querySelectorAll("text").forEach(function (text) {
        var x = Number(text.dataset.column) * scale + 3;
        text.setAttribute("x", x);
        if (text.getAttribute("class") === "tick") {
          var fits = x + at - last > 58;
          text.setAttribute("visibility", fits ? "visible" : "hidden");
          if (fits) { last = x + at; }
        }
      });
    });
    if (shown !== null) { place(); }
  }
  function place() {
    cursor.hidden = false;
    cursor.style.left = (column(shown) + 0.5) * scale + "px";
  }
  function zoom(factor) {
    var middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scale;
    var least = Math.min(8, scroll.clientWidth / data.columns);
    scale = Math.max(least, Math.min(40, scale * factor));
    draw();
    scroll.scrollLeft = middle * scale - scroll.clientWidth / 2;
  }
  function show(frame, jump) {
    shown = Math.max(data.first, Math.min(data.last, frame));
    place();
    if (jump) { scroll.scrollLeft = (column(shown) + 0.5) * scale - scroll.clientWidth / 2; }
    byId("frame").value = shown;
    byId("readout").textContent = describe(shown);
  }
  function runAt(runs, at) {
    var low = 0, high = runs.length;
    while (high - low > 1) {
      var half = (low + high) >> 1;
      if (runs[half][0] <= at) { low = half; } else { high = half; }
    }
    return runs.length && runs[low][0] <= at ? runs[low][1] : null;
  }
  var words = { k: "known", p: "predicted, rightly", m: "PREDICTED WRONG" };
  function describe(frame) {
    var lines = ["frame " + frame + ", second " + (frame / data.rate).toFixed(2)];
    data.peers.forEach(function (peer) {
      var said = [];
      peer.marks.forEach(function (runs, player) {
        var mark = runAt(runs, frame);
        var text = "input " + (player + 1);
        if (peer.inputs) {
          var value = runAt(peer.inputs[player], frame);
          text += " = " + (value === null ? "?" : data.values[value] || "nothing");
        }
        if (words[mark]) { text += " (" + words[mark] + ")"; }
        said.push(text);
      });
      var deepest = 0, stalled = peer.stalls[frame] || 0;
      peer.back.forEach(function (each) {
        if (each[0] === frame) { deepest = Math.max(deepest, each[1]); }
      });
      if (deepest) { said.push("went back " + deepest); }
      if (stalled) { said.push("stalled " + stalled + " ticks"); }
      lines.push(peer.label + ": " + said.join(" \\u00b7 "));
    });
    return lines.join("\\n");
  }
  function frameAt(event) {
    var x = event.clientX - scroll.getBoundingClientRect().left + scroll.scrollLeft;
    return data.first + Math.floor(x / scale) * data.bucket;
  }
  scroll.addEventListener("click", function (event) { show(frameAt(event), false); });
  scroll.addEventListener("keydown", function (event) {
    var moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -60, PageDown: 60 };
    if (event.key === "+" || event.key === "=") { zoom(1.5); }
    else if (event.key === "-") { zoom(1 / 1.5); }
    else if (event.key === "Home") { show(data.first, true); }
    else if (event.key === "End") { show(data.last, true); }
    else if (event.key in moves) {
      var from = shown === null ? data.focus : shown;
      show(from + moves[event.key] * data.bucket, true);
    } else { return; }
    event.preventDefault();
  });
  byId("in").addEventListener("click", function () { zoom(1.5); });
  byId("out").addEventListener("click", function () { zoom(1 / 1.5); });
  byId("fit").addEventListener("click", function () { zoom(0); });
  byId("frame").addEventListener("change", function () {
    var wanted = parseInt(byId("frame").value, 10);
    if (!isNaN(wanted)) { show(wanted, true); }
  });
  Array.prototype.forEach.call(document.querySelectorAll("[data-go]"), function (link) {
    link.addEventListener("click", function () { show(Number(link.dataset.go), true); });
  });
  var overview = byId("overview");
  overview.addEventListener("click", function (event) {
    var box = overview.getBoundingClientRect();
    var share = (event.clientX - box.left) / box.width;
    show(Math.round(data.first + share * (data.last - data.first)), true);
  });
  var near = byId("near");
  if (near) { near.scrollLeft = Number(near.dataset.center) - near.clientWidth / 2; }
  byId("tools").hidden = false;
  draw();
  show(data.focus, true);
})();
"""
