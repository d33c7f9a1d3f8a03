// The pages of the reference: search on the index; copying and trying on the page of a group.

import { offerCopies } from "./copy.js";
import { followAnchors, offerSearch } from "./search.js";
import { offerTrying } from "./try.js";

const search = document.getElementById("search");
if (search !== null) {
  followAnchors();
  offerSearch(search);
} else {
  offerTrying();
}
offerCopies(document);

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select") !== null) return;
  event.preventDefault();
  if (search !== null) search.focus();
  else location.assign("/reference#search");
});
