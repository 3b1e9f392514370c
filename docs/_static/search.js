// What the search shows of a page is the page's own text, not the theme's buttons and lists of contents around it.
if (typeof Search !== "undefined") {
  const textOf = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page
      .querySelectorAll(".bd-header-article, .bd-sidebar-secondary, #jb-print-docs-body, .prev-next-footer")
      .forEach((part) => part.remove());
    return textOf(page.documentElement.outerHTML, anchor);
  };
}
