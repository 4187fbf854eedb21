/* The topic map, brought to life. Without this file the map is an SVG of links and a list: this adds a
   card, a filter, colours, zoom and "you are here". All texts enter the page as text, never as HTML. */
(function () {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const FINE_ZOOM = 1.9, REACH = 16;
  const DOZEN = 12;                  // dots in the window at the strongest zoom
  const FEW = 30;                    // dots in the window from which on they have their titles
  const COVERED = 200, FAR = 30, CELL = 4;     // as in map_labels.py
  const AROUND = 320;                // pixels around the window in which labels are placed too
  const SPARED = 2;                  // dots that a label covers at most on a phone, until one zooms in

  document.querySelectorAll(".related-map").forEach(start);

  function start(root) {
    const find = (name) => root.querySelector(".related-map-" + name);
    const svg = find("svg"), plane = find("plane"), lines = find("lines"), labelLayer = find("labels");
    const frame = find("frame"), card = find("card"), legend = find("legend"), status = find("status");
    const filter = find("filter"), colour = find("colour"), tools = find("tools");
    const data = JSON.parse(find("data").textContent);
    const base = svg.viewBox.baseVal, mapWidth = base.width, mapHeight = base.height;
    const items = [...find("list").querySelectorAll("li a")];
    const points = [...find("points").querySelectorAll("a")].map(readPoint);
    const labels = data.labels.map(readLabel);
    let width = 0, height = 0, across = 1, down = 1;          // pixels, and pixels per unit of the plane
    let view = { zoom: 1, x: 0, y: 0 };
    let active = null, told = null, here = null, awake = false, moved = false, frameAsked = false, placedFor = "";
    let hiding = 0, settling = 0, placed = [];
    const fingers = new Map();
    const areas = find("areas"), sky = make("svg", "related-map-sky");
    const ring = make("circle", "related-map-ring");
    ring.setAttribute("r", 12);

    function readPoint(link, index) {
      const [x, y] = link.querySelector("path").getAttribute("d").slice(1).split(/[ h]/).map(Number);
      const [category, date, summary, related] = data.posts[index];
      const item = items[index], title = item.textContent;
      link.querySelector("title").remove();      // else the browser's own tooltip covers the card
      link.setAttribute("aria-label", title);
      if (item.lang) link.setAttribute("lang", item.lang);
      const words = fold([title, data.categories[category], yearOf(date) || "", summary].join(" "));
      return { link, dot: link.querySelector("path"), item, index, x, y, title, category, date, summary, related, words, on: true };
    }

    // The posts of a topic follow one another; its colour is that of the group that they are in.
    function readLabel([words, first, count, level]) {
      const own = points.slice(first, first + count), middle = (name) => own.map((point) => point[name]).sort((a, b) => a - b)[count >> 1];
      return { words, own, level, x: middle("x"), y: middle("y"), colour: own[0].link.parentNode.getAttribute("class") };
    }

    function yearOf(date) {
      return Math.floor(date / 10000);
    }

    function make(name, className, text) {
      const element = ["svg", "g", "text", "tspan", "circle", "path"].includes(name) ? document.createElementNS(SVG, name) : document.createElement(name);
      if (className) element.setAttribute("class", className);
      if (text !== undefined) element.textContent = text;
      return element;
    }

    function fold(text) {
      return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    }

    /* ---- drawing ---- */

    function resize() {
      const outer = root.getBoundingClientRect();
      root.classList.toggle("related-map-inside", outer.left >= 12 && outer.right <= document.documentElement.clientWidth - 12);
      const wide = frame.clientWidth;
      if (!wide || wide === width) return;
      const old = width;
      width = wide;
      const narrow = width < 600;
      height = Math.round(narrow ? width * 1.15 : Math.min(width * 0.62, Math.max(420, window.innerHeight * 0.78)));
      root.classList.toggle("related-map-narrow", narrow);
      for (const one of [svg, sky]) one.setAttribute("viewBox", `0 0 ${width} ${height}`);
      across = width / mapWidth;
      down = height / mapHeight;
      areas.setAttribute("transform", `scale(${across} ${down})`);
      if (old) view = { zoom: view.zoom, x: (view.x * width) / old, y: (view.y * width) / old };
      labels.forEach((label) => { label.sizes = null; });
      placedFor = "";
      drawNow();      // at once: a map that is too wide for a moment would be seen to jump
    }

    function screen(point) {
      return [point.x * across * view.zoom + view.x, point.y * down * view.zoom + view.y];
    }

    function draw() {
      if (frameAsked) return;
      frameAsked = true;
      requestAnimationFrame(() => { frameAsked = false; drawNow(); });
    }

    function drawNow() {
      const { zoom } = view;
      view.x = Math.min(0, Math.max(width * (1 - zoom), view.x));
      view.y = Math.min(0, Math.max(height * (1 - zoom), view.y));
      plane.setAttribute("transform", `matrix(${across * zoom} 0 0 ${down * zoom} ${view.x} ${view.y})`);
      labelLayer.setAttribute("transform", `translate(${view.x} ${view.y})`);
      sky.style.transform = `matrix(${zoom}, 0, 0, ${zoom}, ${view.x}, ${view.y})`;
      svg.classList.toggle("zoomed", zoom > 1.001);
      const state = `${zoom} ${width} ${here ? here.index : ""} ${view.x} ${view.y}`;
      if (state !== placedFor) {
        // Titles and dots are many: they wait until the map rests.
        clearTimeout(settling);
        settling = setTimeout(settle, 120);
        // Finding room for every label at every frame would be slow: between times they are only moved.
        if (!placedFor) placeLabels([]);
        else moveLabels();
        placedFor = state;
      }
      const centre = active || here;
      if (centre) {
        const [x, y] = screen(centre);
        ring.setAttribute("cx", x);
        ring.setAttribute("cy", y);
        if (!ring.parentNode) svg.append(ring);
        if (!card.hidden) placeCard(x, y);
      } else ring.remove();
    }

    function inView() {
      return points.filter((point) => {
        const [x, y] = screen(point);
        return point.on && x > 0 && y > 0 && x < width && y < height;
      });
    }

    function settle() {
      const room = Math.sqrt((width * height) / Math.max(1, points.length)) * 0.26;
      const dot = Math.max(3, Math.min(6, room)) * Math.min(2, Math.pow(view.zoom, 0.4));
      svg.style.setProperty("--dot", dot.toFixed(1) + "px");
      const shown = inView();
      placeLabels(shown.length <= FEW ? shown : []);
      if (active && !card.hidden) placeCard(...screen(active));      // which keeps clear of a label
    }

    function moveLabels() {
      for (const { group, label, left, top } of placed) {
        const [x, y] = spot(label);
        group.setAttribute("transform", `translate(${x + left} ${y + top})`);
      }
    }

    // Where a label's topic is, in pixels of the whole map at this zoom.
    function spot(label) {
      return [label.x * across * view.zoom, label.y * down * view.zoom];
    }

    function placeLabels(titled) {
      const { zoom } = view, taken = [];
      const wanted = labels.filter((label) => (label.level === 0 || zoom >= FINE_ZOOM) && isNear(spot(label)));
      if (here) {
        const text = root.dataset.here + ": " + cut(here.title, 40);
        wanted.unshift({ words: [text], own: [here], x: here.x, y: here.y, level: 3, colour: "" });
      }
      wanted.push(...titled.map((point) => (point.label ||= { words: [cut(point.title, 42)], own: [point], x: point.x, y: point.y, level: 2, colour: "" })));
      const dots = countDots();
      placed = [];
      for (const label of wanted) {
        const found = placeLabel(label, taken, dots);
        if (found) {
          taken.push(found.box);
          placed.push(found);
        }
      }
      labelLayer.replaceChildren(...placed.map(({ group }) => group));
      moveLabels();
    }

    function isNear([x, y]) {
      return x > -view.x - AROUND && x < width - view.x + AROUND && y > -view.y - AROUND && y < height - view.y + AROUND;
    }

    // Return a function that counts the dots in a box in or near the window, by a summed-area table of small cells.
    function countDots() {
      const left = -view.x - AROUND, top = -view.y - AROUND;
      const wide = Math.ceil((width + 2 * AROUND) / CELL) + 1, tall = Math.ceil((height + 2 * AROUND) / CELL) + 1;
      const sums = new Int32Array(wide * tall);
      for (const point of points) {
        const at = spot(point);
        if (point.on && isNear(at)) sums[(Math.floor((at[1] - top) / CELL) + 1) * wide + Math.floor((at[0] - left) / CELL) + 1]++;
      }
      for (let y = 1; y < tall; y++) for (let x = 1, row = 0; x < wide; x++) {
        row += sums[y * wide + x];
        sums[y * wide + x] = row + sums[(y - 1) * wide + x];
      }
      const column = (x) => Math.max(0, Math.min(wide - 1, Math.floor((x - left) / CELL)));
      const line = (y) => Math.max(0, Math.min(tall - 1, Math.floor((y - top) / CELL))) * wide;
      return ([x0, y0, x1, y1]) => {
        const a = column(x0 - 4), b = column(x1 + 4 + CELL), c = line(y0 - 4), d = line(y1 + 4 + CELL);
        return sums[d + b] - sums[c + b] - sums[d + a] + sums[c + a];
      };
    }

    // The emptiest place near a topic: a grid of places, of which the best covers the fewest dots.
    function placeLabel(label, taken, dots) {
      const [x, y] = spot(label), { zoom } = view, wide = width * zoom, tall = height * zoom;
      const stepX = 16, stepY = 10, narrow = width < 600, far = label.level || narrow ? 6 : 15;
      const offsets = label.level > 1 ? beside(label) : null;
      const own = label.own.filter((_, at) => at % (1 + (label.own.length >> 6)) === 0).map((point) => [point.x * across * zoom, point.y * down * zoom]);
      for (const size of measure(label)) {
        let best = null, least = Infinity;
        const found = [], places = offsets || around(far, stepX, stepY);
        for (const [ax, ay] of places) {
          const left = label.level === 2 ? x + ax - (ax < 0 ? size.width : 0) : Math.max(4, Math.min(wide - size.width - 4, x + ax - size.width / 2));
          const top = y + ay - size.height / 2;
          if (top < 2 || top + size.height > tall - 2 || left < 2 || left + size.width > wide - 2) continue;
          if (label.level === 2 && (left + view.x < 2 || left + size.width + view.x > width - 2)) continue;
          const box = [left, top, left + size.width, top + size.height];
          if (taken.some((other) => box[0] < other[2] + 6 && other[0] < box[2] + 6 && box[1] < other[3] + 3 && other[1] < box[3] + 3)) continue;
          const covered = dots(box);
          if (label.level > 1) {
            if (!covered || label.level === 3) return finish(label, size, box, x, y, own);
            continue;
          }
          found.push([COVERED * covered + 0.3 * Math.hypot(ax, ay), box, covered]);
        }
        found.sort((a, b) => a[0] - b[0]);
        for (const [cost, box, covered] of found) {
          if (cost >= least || (label.level === 1 && covered) || (narrow && covered > SPARED)) break;
          const whole = cost + Math.min(...own.map((place) => gap(box, place)));
          if (whole < least) {
            least = whole;
            best = box;
          }
        }
        if (best) return finish(label, size, best, x, y, own);
      }
      return null;
    }

    function beside({ level }) {
      return level === 2 ? [[12, 0], [-12, 0]] : [[0, -24], [0, 24], [0, -44], [0, 44]];
    }

    function around(far, stepX, stepY) {
      const places = [];
      for (let ax = -far; ax <= far; ax++) for (let ay = -far - 3; ay <= far + 3; ay++) places.push([ax * stepX, ay * stepY]);
      return places;
    }

    function gap(box, [x, y]) {
      return Math.hypot(Math.max(box[0] - x, 0, x - box[2]), Math.max(box[1] - y, 0, y - box[3]));
    }

    function finish(label, size, box, x, y, own) {
      const group = make("g", label.colour);
      const place = own.reduce((a, b) => (gap(box, b) < gap(box, a) ? b : a));
      if (label.level === 0 && gap(box, place) > FAR) {
        const edge = [Math.max(box[0], Math.min(box[2], place[0])), Math.max(box[1], Math.min(box[3], place[1]))];
        const leader = make("path");
        leader.setAttribute("d", `M${edge[0] - box[0]} ${edge[1] - box[1]}L${place[0] - box[0]} ${place[1] - box[1]}`);
        group.append(leader);
      }
      group.append(size.text);
      return { group, label, left: box[0] - x, top: box[1] - y, box };
    }

    // A label's first line and the second below, then the first alone, in case there is no room for both.
    function measure(label) {
      if (!label.sizes) {
        const name = ["", "fine", "title", "here"][label.level], narrow = width < 600;
        const big = Math.round(Math.min(26, Math.max(14, 10 + 2 * Math.sqrt(label.own.length))) * (narrow ? 0.75 : 1));
        const kinds = label.words.length > 1 && !narrow ? [label.words.slice(0, 2), label.words.slice(0, 1)] : [label.words];
        label.sizes = kinds.map(([first, second]) => {
          const text = make("text", name, cut(first, label.level > 1 ? 60 : 26));
          const size = label.level ? 13 : big, high = size * 1.1;
          if (!label.level) text.setAttribute("font-size", size);
          labelLayer.append(text);
          let wide = text.getComputedTextLength();
          if (second) {
            const line = make("tspan", "", cut(second, 26));
            text.append(line);
            wide = Math.max(wide, line.getComputedTextLength());
            line.setAttribute("y", high + 12);
            line.setAttribute("x", wide / 2);
          }
          text.setAttribute("x", label.level === 2 ? 0 : wide / 2);
          text.setAttribute("y", size * 0.86);
          text.remove();
          return { text, width: wide, height: high + (second ? 16 : 0) };
        });
      }
      return label.sizes;
    }

    function cut(text, most) {
      return text.length > most ? [...text].slice(0, most - 1).join("").trimEnd() + "…" : text;
    }

    /* ---- moving ---- */

    function zoomBy(factor, x = width / 2, y = height / 2) {
      const most = factor > 1 ? Math.max(view.zoom, limitZoom(x, y)) : Infinity;
      const zoom = Math.max(1, Math.min(most, view.zoom * factor)), ratio = zoom / view.zoom;
      view = { zoom, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
      draw();
    }

    // The zoom at which about a dozen dots are in the window around a place.
    function limitZoom(x, y) {
      const apart = points.map((point) => {
        const [px, py] = screen(point);
        return Math.max(Math.abs(px - x) / width, Math.abs(py - y) / height);
      }).sort((a, b) => a - b);
      return Math.min(64, view.zoom / (2 * Math.max(0.002, apart[Math.min(DOZEN, apart.length) - 1])));
    }

    // The buttons zoom where there is something: at the post that is shown, else at the dot nearest to the middle.
    function zoomAt() {
      const inside = active && inView().includes(active) ? active : nearest([width / 2, height / 2], Infinity);
      return inside ? screen(inside) : [width / 2, height / 2];
    }

    function zoomIn(factor) {
      const [x, y] = zoomAt(), before = view.zoom;
      zoomBy(factor, x, y);
      // The dot goes towards the middle, so that its neighbours come into view and not the void beside it.
      if (view.zoom > before) panBy((width / 2 - x) / 2, (height / 2 - y) / 2);
    }

    function panBy(x, y) {
      view = { zoom: view.zoom, x: view.x + x, y: view.y + y };
      draw();
    }

    function showAll() {
      view = { zoom: 1, x: 0, y: 0 };
      draw();
    }

    function bringIn(point) {
      const [x, y] = screen(point), edge = 30;
      const dx = x < edge ? edge - x : x > width - edge ? width - edge - x : 0;
      const dy = y < edge ? edge - y : y > height - edge ? height - edge - y : 0;
      if (view.zoom > 1 && (dx || dy)) panBy(dx, dy);
    }

    function locate(event) {
      const box = svg.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    }

    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      awake = true;
      if (!fingers.size) moved = false;
      told = card.hidden ? null : active;      // before the browser moves the focus, which shows the card
      fingers.set(event.pointerId, locate(event));
    });
    svg.addEventListener("pointermove", (event) => {
      const at = locate(event), before = fingers.get(event.pointerId);
      if (!before) {
        if (event.pointerType !== "touch") hover(at);
        return;
      }
      const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      if (others.length) {
        const [other] = others;
        const apart = Math.hypot(at[0] - other[0], at[1] - other[1]), was = Math.hypot(before[0] - other[0], before[1] - other[1]) || 1;
        zoomBy(apart / was, (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
        panBy((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
        moved = true;
      } else if (moved || Math.hypot(at[0] - before[0], at[1] - before[1]) > 4) {
        if (!moved) {
          moved = true;
          hide();
          svg.classList.add("dragging");
          svg.setPointerCapture(event.pointerId);
        }
        if (view.zoom > 1) panBy(at[0] - before[0], at[1] - before[1]);
      } else return;
      fingers.set(event.pointerId, at);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      window.addEventListener(name, (event) => {
        fingers.delete(event.pointerId);
        if (!fingers.size) svg.classList.remove("dragging");
      });
    }
    svg.addEventListener("pointerleave", () => {
      awake = false;
      later();
    });
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    // Until one has clicked into the map, the wheel scrolls the page and not the map.
    svg.addEventListener("wheel", (event) => {
      const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018) * (event.ctrlKey ? 3 : 1));
      if (!(event.ctrlKey || event.metaKey || awake || svg.contains(document.activeElement))) return;
      if (factor < 1 && view.zoom === 1 && !event.ctrlKey) return;
      event.preventDefault();
      hide();
      zoomBy(factor, ...locate(event));
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => {
      event.preventDefault();
      zoomBy(event.shiftKey ? 0.5 : 2, ...locate(event));
    });
    svg.addEventListener("click", (event) => {
      const target = event.target.closest("a");
      if (moved) {
        event.preventDefault();
        return;
      }
      const point = target ? points.find((other) => other.link === target) : nearest(locate(event));
      if (!point) {
        hide();
        return;
      }
      // A finger cannot hover: its first tap shows the card, whose title is the link.
      const touch = event.pointerType === "touch" && told !== point;
      if (touch) {
        event.preventDefault();
        show(point, true);
      } else if (!target) open(point, event);
    });

    function open(point, event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) window.open(point.link.href.baseVal, "_blank", "noopener");
      else window.location.assign(point.link.href.baseVal);
    }

    /* ---- the card ---- */

    function nearest([x, y], reach = REACH) {
      let best = null, least = reach;
      for (const point of points) {
        if (!point.on) continue;
        const [px, py] = screen(point), apart = Math.hypot(px - x, py - y);
        if (apart < least) {
          least = apart;
          best = point;
        }
      }
      return best;
    }

    function hover(at) {
      const point = nearest(at);
      svg.style.cursor = point ? "pointer" : "";
      if (point) show(point, true);
      else later();
    }

    function show(point, withCard) {
      clearTimeout(hiding);
      if (active !== point || (withCard && card.hidden)) {
        if (active) active.link.classList.remove("near");
        active = point;
        point.link.classList.add("near");
        drawLines(point);
        card.hidden = !withCard;
        if (withCard) {
          fillCard(point);
          placeCard(...screen(point));
        }
        draw();
      }
    }

    function later() {
      clearTimeout(hiding);
      hiding = setTimeout(() => {
        if (card.contains(document.activeElement)) return;
        const focused = points.find((point) => point.link === document.activeElement);
        if (focused) show(focused, true);
        else hide();
      }, 250);
    }

    function hide() {
      clearTimeout(hiding);
      if (active) active.link.classList.remove("near");
      active = null;
      card.hidden = true;
      drawLines(here);
      draw();
    }

    function fillCard(point) {
      const title = make("a", "", point.title), about = [], text = make("div");
      title.href = point.link.href.baseVal;
      title.dir = "auto";
      title.tabIndex = -1;
      if (point.item.lang) title.lang = point.item.lang;
      if (point.date) about.push(writeDate(point.date));
      if (data.categories[point.category]) about.push(data.categories[point.category]);
      text.id = "related-map-about";
      text.append(make("p", "about", about.join(" · ")));
      if (point.summary) {
        const summary = make("p", "", point.summary);
        summary.dir = "auto";
        if (point.item.lang) summary.lang = point.item.lang;
        text.append(summary);
      }
      card.replaceChildren(title, text);
      if (point.related.length) card.append(make("h2", "", root.dataset.related), listRelated(point));
    }

    // Each leads to its dot, so that one can walk on from there.
    function listRelated(point) {
      const list = make("ul");
      for (const other of point.related.slice(0, width < 600 ? 3 : 5).map((row) => points[row])) {
        const item = make("li"), link = make("a", "", other.title);
        link.href = "#" + encodeURIComponent(other.link.id);
        link.dir = "auto";
        if (other.item.lang) link.lang = other.item.lang;
        link.addEventListener("click", (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          goTo(other);
        });
        item.append(link);
        list.append(item);
      }
      return list;
    }

    function goTo(point) {
      if (!point.on) {
        filter.value = "";
        applyFilter();
      }
      point.link.focus({ preventScroll: true });
    }

    function writeDate(date) {
      const stamp = new Date(2000, (Math.floor(date / 100) % 100) - 1, date % 100);
      stamp.setFullYear(yearOf(date));
      return stamp.toLocaleDateString(document.documentElement.lang || undefined, { year: "numeric", month: "short", day: "numeric" });
    }

    // Beside the dot, where it hides the label of "you are here" least.
    function placeCard(x, y) {
      const wide = card.offsetWidth, high = card.offsetHeight, middle = [x - wide / 2, y - high / 2];
      const label = placed.find((one) => one.label.level === 3);
      const kept = label && label.box.map((side, at) => side + (at % 2 ? view.y : view.x));
      const sides = [18, 48, 90].flatMap((gap) => [[x + gap, middle[1], gap], [x - gap - wide, middle[1], gap], [middle[0], y + gap, gap], [middle[0], y - gap - high, gap]]);
      let best = null, least = Infinity;
      for (const [left, top, gap] of sides) {
        const at = [Math.max(4, Math.min(width - wide - 4, left)), Math.max(4, Math.min(height - high - 4, top))];
        const box = [at[0], at[1], at[0] + wide, at[1] + high];
        const hides = kept && box[0] < kept[2] && kept[0] < box[2] && box[1] < kept[3] && kept[1] < box[3];
        const onDot = box[0] < x + 8 && x - 8 < box[2] && box[1] < y + 8 && y - 8 < box[3];
        const cost = Math.abs(at[0] - left) + Math.abs(at[1] - top) + gap + (hides ? 2000 : 0) + (onDot ? 1000 : 0);
        if (cost < least) {
          least = cost;
          best = at;
        }
      }
      card.style.left = best[0] + "px";
      card.style.top = best[1] + "px";
    }

    function drawLines(point) {
      const paths = !point ? [] : point.related.map((row) => {
        const path = make("path"), other = points[row];
        path.setAttribute("d", `M${point.x} ${point.y}L${other.x} ${other.y}`);
        return path;
      });
      lines.replaceChildren(...paths);
    }

    card.addEventListener("pointerenter", () => clearTimeout(hiding));
    card.addEventListener("pointerleave", later);
    for (const point of points) {
      point.item.addEventListener("pointerenter", () => show(point, false));
      point.item.addEventListener("pointerleave", later);
      point.item.addEventListener("focus", () => show(point, false));
      point.item.addEventListener("blur", later);
    }

    /* ---- the keyboard ---- */

    function setStop(point) {
      for (const other of points) other.link.setAttribute("tabindex", other === point ? 0 : -1);
    }

    function step(point, x, y) {
      let best = null, least = Infinity;
      for (const other of points) {
        if (!other.on || other === point) continue;
        const dx = (other.x - point.x) * across, dy = (other.y - point.y) * down;
        const ahead = dx * x + dy * y, aside = Math.abs(dx * y) + Math.abs(dy * x);
        if (ahead <= 0 || aside > 2 * ahead) continue;
        const cost = ahead + 2 * aside;
        if (cost < least) {
          least = cost;
          best = other;
        }
      }
      return best;
    }

    // On the frame: Chromium makes an SVG element a tab stop for having a focus listener.
    frame.addEventListener("focusin", (event) => {
      const point = points.find((other) => other.link === event.target);
      if (!point) return;
      setStop(point);
      bringIn(point);
      show(point, true);
      point.link.setAttribute("aria-describedby", "related-map-about");
    });
    frame.addEventListener("focusout", (event) => {
      if (event.target.closest("svg")) event.target.removeAttribute("aria-describedby");
      later();
    });
    svg.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const point = points.find((other) => other.link === event.target);
      const shown = points.filter((other) => other.on), at = shown.indexOf(point);
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      let goal = null;
      if (event.key in ways && event.shiftKey) panBy(-80 * ways[event.key][0], -80 * ways[event.key][1]);
      else if (event.key in ways) goal = step(point, ...ways[event.key]);
      else if (event.key === "PageDown") goal = shown[at + 1];
      else if (event.key === "PageUp") goal = shown[at - 1];
      else if (event.key === "Home") goal = shown[0];
      else if (event.key === "End") goal = shown[shown.length - 1];
      else if (event.key === "+" || event.key === "=") zoomIn(1.5);
      else if (event.key === "-") zoomBy(1 / 1.5, ...screen(point));
      else if (event.key === "0") showAll();
      else return;
      event.preventDefault();
      if (goal) goal.link.focus({ preventScroll: true });
    });
    // Wherever the focus is: a card that hides something can always be dismissed.
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      if (card.contains(document.activeElement) && active) active.link.focus({ preventScroll: true });
      else if (!card.hidden) hide();
      else if (event.target === filter && filter.value) {
        filter.value = "";
        applyFilter();
      }
    });

    /* ---- filter, colours, buttons ---- */

    function applyFilter() {
      const wanted = fold(filter.value).split(/\s+/).filter(Boolean);
      const topics = new Map();
      for (const point of points) {
        point.on = wanted.every((word) => point.words.includes(word));
        point.link.classList.toggle("off", !point.on);
        if (point.on) point.link.removeAttribute("aria-hidden");
        else point.link.setAttribute("aria-hidden", "true");
        point.item.parentElement.hidden = !point.on;
        const topic = point.item.closest("details");
        topics.set(topic, topics.get(topic) || point.on);
      }
      for (const [topic, any] of topics) {
        topic.hidden = !any;
        if (wanted.length && !topic.open) {
          topic.open = true;
          topic.dataset.opened = "";
        } else if (!wanted.length && "opened" in topic.dataset) {
          topic.open = false;
          delete topic.dataset.opened;
        }
      }
      const shown = points.filter((point) => point.on);
      setStop(shown.includes(here) ? here : shown[0]);
      status.textContent = wanted.length ? root.dataset.shown.replace("{shown}", shown.length).replace("{all}", points.length) : "";
      if (active && !active.on) hide();
      placedFor = "";
      draw();
    }

    function applyColour() {
      const { names, pick } = { topic: colourByTopic, category: colourByCategory, year: colourByYear }[colour.value]();
      for (const point of points) point.dot.setAttribute("class", pick(point));
      legend.replaceChildren(...names.map(([name, text]) => {
        const entry = make("li");
        const dot = make("span", "related-map-swatch " + name);
        entry.append(dot, make("span", "", text));
        return entry;
      }));
      legend.hidden = !names.length;
      root.classList.toggle("related-map-plain", colour.value !== "topic");
    }

    function colourByTopic() {
      return { names: [], pick: () => "" };
    }

    function colourByCategory() {
      const counts = new Map();
      for (const { category } of points) counts.set(category, (counts.get(category) || 0) + 1);
      const first = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b).slice(0, 8);
      const names = first.map((category, at) => ["hue" + at, data.categories[category] || "–"]);
      if (counts.size > first.length) names.push(["cx", root.dataset.other]);
      return { names, pick: ({ category }) => (first.includes(category) ? "hue" + first.indexOf(category) : "cx") };
    }

    function colourByYear() {
      const years = points.filter((point) => point.date).map((point) => yearOf(point.date));
      const first = Math.min(...years), span = Math.max(...years) - first + 1;
      const size = Math.ceil(span / 6), count = Math.ceil(span / size), names = [];
      // The ends of the scale are the ones that differ most.
      const shade = (bin) => "y" + (count > 1 ? Math.round((bin * 5) / (count - 1)) : 5);
      for (let bin = 0; bin < count; bin++) {
        const from = first + bin * size, to = Math.min(from + size - 1, first + span - 1);
        names.push([shade(bin), from === to ? String(from) : `${from}–${to}`]);
      }
      return { names, pick: ({ date }) => (date ? shade(Math.floor((yearOf(date) - first) / size)) : "cx") };
    }

    filter.addEventListener("input", applyFilter);
    tools.addEventListener("submit", (event) => {
      event.preventDefault();
      const first = points.find((point) => point.on);
      if (first) first.link.focus({ preventScroll: true });
    });
    colour.addEventListener("change", applyColour);
    tools.addEventListener("click", (event) => {
      const way = event.target.dataset.zoom;
      if (way === "all") showAll();
      else if (way === "in") zoomIn(1.6);
      else if (way) zoomBy(1 / 1.6);
    });

    /* ---- you are here ---- */

    function readHash() {
      let name = location.hash.slice(1);
      try {
        name = decodeURIComponent(name);
      } catch { /* a stray % in the address is no slug */ }
      if (here) {
        here.link.classList.remove("here");
        for (const element of [here.link, here.item]) element.removeAttribute("aria-current");
      }
      here = points.find((point) => point.link.id === name) || null;
      if (here) {
        here.link.classList.add("here");
        for (const element of [here.link, here.item]) element.setAttribute("aria-current", "location");
        here.item.closest("details").open = true;
        setStop(here);
        status.textContent = root.dataset.here + ": " + here.title;
        centre();
        if (view.zoom > 1) panBy(width / 2 - screen(here)[0], height / 2 - screen(here)[1]);
      }
      hide();
    }

    // The map in the middle of the window; of one that is taller than that, the post.
    function centre() {
      if (frame.offsetHeight < window.innerHeight) frame.scrollIntoView({ block: "center" });
      else window.scrollBy(0, svg.getBoundingClientRect().top + screen(here)[1] - window.innerHeight / 2);
    }

    // The browser itself scrolls to the dot, whose top it puts at the top, and may do so late.
    window.addEventListener("load", () => requestAnimationFrame(() => { if (here) centre(); }));

    /* ---- what one can do, by device ---- */

    const touched = matchMedia("(hover: none)");

    function hint(device) {
      for (const name of ["mouse", "touch", "keys"]) find(name).hidden = name !== device;
    }

    svg.addEventListener("pointerdown", (event) => hint(event.pointerType === "touch" ? "touch" : "mouse"));
    frame.addEventListener("keyup", () => hint("keys"));
    touched.addEventListener("change", () => hint(touched.matches ? "touch" : "mouse"));

    /* ---- paper ---- */

    const closed = new Set();
    window.addEventListener("beforeprint", () => {
      for (const topic of root.querySelectorAll("details:not([open])")) {
        closed.add(topic);
        topic.open = true;
      }
    });
    window.addEventListener("afterprint", () => {
      for (const topic of closed) topic.open = false;
      closed.clear();
    });

    /* ---- light and dark ---- */

    function readTheme() {
      let element = root, ground;
      while (element && !ground) {
        const shade = getComputedStyle(element).backgroundColor.match(/[\d.]+/g) || [0, 0, 0, 0];
        if (shade.length < 4 || Number(shade[3]) > 0.5) ground = shade.slice(0, 3).map(Number);
        element = element.parentElement;
      }
      const scheme = getComputedStyle(document.documentElement).colorScheme;
      const asked = scheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
      const light = ground ? 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2] : asked ? 0 : 255;
      const theme = light < 128 ? "dark" : "light";
      if (root.dataset.theme !== theme) root.dataset.theme = theme;
    }

    readTheme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readTheme);
    const watcher = new MutationObserver(readTheme);
    for (const element of [document.documentElement, document.body]) {
      watcher.observe(element, { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-bs-theme", "data-color-scheme"] });
    }

    if (points.length === 0) return;
    root.classList.add("related-map-live");
    tools.hidden = false;
    hint(touched.matches ? "touch" : "mouse");
    // Areas are drawn once and then moved and scaled as a picture: to blur them at every frame would be slow.
    sky.setAttribute("aria-hidden", "true");
    sky.append(find("blur"), areas);
    frame.prepend(sky);
    frame.removeAttribute("tabindex");
    frame.removeAttribute("role");
    frame.removeAttribute("aria-labelledby");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-describedby", "related-map-help related-map-keys");
    for (const [name, values] of [["category", points.map((point) => point.category)], ["year", points.map((point) => yearOf(point.date))]]) {
      if (new Set(values).size < 2) colour.querySelector(`[value=${name}]`).remove();
    }
    if (colour.options.length < 2) colour.parentElement.hidden = true;
    setStop(points[0]);
    resize();
    readHash();
    new ResizeObserver(resize).observe(frame);
    window.addEventListener("hashchange", readHash);
  }
})();
