// What keeps people out, found in the page as the browser has drawn it: names, labels, headings, contrast.
() => {
  const found = [];
  const tell = (element, what) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const visible = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const nameOf = (element) => {
    const ids = (element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
    const labelled = ids.map((id) => document.getElementById(id)?.textContent || "").join(" ");
    const labels = [...(element.labels || [])].map((label) => label.textContent).join(" ");
    const pictures = [...element.querySelectorAll("img[alt], svg[aria-label], svg > title")];
    const inside = pictures.map((one) => one.getAttribute("alt") || one.getAttribute("aria-label") || one.textContent);
    return [labelled, element.getAttribute("aria-label"), labels, element.textContent, ...inside, element.title].join(" ").trim();
  };

  if (!document.documentElement.lang) found.push("the page has no language");
  if (!document.title.trim()) found.push("the page has no title");
  if (document.querySelectorAll("h1").length !== 1) found.push("the page has not exactly one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("the page has not exactly one main");

  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    if (!visible(heading)) continue;
    const own = Number(heading.tagName[1]);
    if (own > level + 1) tell(heading, `a heading of level ${own} follows one of level ${level}`);
    if (!heading.textContent.trim()) tell(heading, "a heading is empty");
    level = own;
  }

  const ids = new Set();
  for (const element of document.querySelectorAll("[id]")) {
    if (ids.has(element.id)) tell(element, "an id is there twice");
    ids.add(element.id);
  }
  for (const element of document.querySelectorAll("[aria-describedby], [aria-labelledby], [aria-controls], label[for]")) {
    const named = ["aria-describedby", "aria-labelledby", "aria-controls", "for"].flatMap((attribute) => (element.getAttribute(attribute) || "").split(/\s+/));
    for (const id of named.filter(Boolean)) if (!document.getElementById(id)) tell(element, `nothing has the id ${id}`);
  }
  for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const named = [...(element.labels || [])].some((label) => label.textContent.trim()) || element.getAttribute("aria-label") || element.getAttribute("aria-labelledby");
    if (!named) tell(element, "a field has no label");
  }
  for (const element of document.querySelectorAll("a[href], button, summary")) if (!nameOf(element)) tell(element, "it has no name");
  for (const element of document.querySelectorAll("img")) if (!element.hasAttribute("alt")) tell(element, "a picture has no alt");
  for (const element of document.querySelectorAll("svg")) {
    const hidden = element.closest("[aria-hidden=true]");
    const named = element.getAttribute("role") === "img" && (element.getAttribute("aria-label") || element.getAttribute("aria-labelledby") || element.querySelector("title"));
    if (!hidden && !named) tell(element, "a drawing is neither named nor hidden");
  }
  for (const table of document.querySelectorAll("table")) {
    if (!table.querySelector("th")) tell(table, "a table has no headers");
    if (!table.caption && !table.getAttribute("aria-label") && !table.getAttribute("aria-labelledby")) tell(table, "a table has no name");
    for (const header of table.querySelectorAll("th")) if (!header.scope) tell(header, "a header has no scope");
  }
  for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) tell(element, "it jumps the order of the keyboard");
  for (const element of document.querySelectorAll("[style], [onclick], [onload], [onerror]")) tell(element, "it carries a style or script inline");

  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const read = (colour) => {
    const parts = colour.match(/rgba?\(([^)]+)\)/);
    if (!parts) return null;
    const [red, green, blue, alpha = "1"] = parts[1].split(/[ ,/]+/).filter(Boolean);
    return [Number(red) / 255, Number(green) / 255, Number(blue) / 255, Number(alpha)];
  };
  const over = (above, below) => [0, 1, 2].map((index) => above[index] * above[3] + below[index] * (1 - above[3])).concat(1);
  const groundOf = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const colour = read(getComputedStyle(one).backgroundColor);
      if (colour && colour[3] > 0) layers.push(colour);
      if (colour && colour[3] === 1) break;
    }
    return layers.reduceRight((below, above) => over(above, below), [1, 1, 1, 1]);
  };
  const brightness = (colour) => 0.2126 * channel(colour[0]) + 0.7152 * channel(colour[1]) + 0.0722 * channel(colour[2]);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const judged = new Set();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || judged.has(element) || !visible(element) || element.closest(".visually-hidden, script, style")) continue;
    judged.add(element);
    const style = getComputedStyle(element);
    const isDrawn = element.closest("svg") !== null;
    const colour = read(isDrawn ? style.fill : style.color);
    if (!colour) continue;
    const ground = groundOf(element);
    const [light, dark] = [brightness(over(colour, ground)), brightness(ground)].sort((one, other) => other - one);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const enough = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < enough) tell(element, `contrast ${ratio.toFixed(2)} instead of ${enough}`);
  }
  return found;
}
