// A page that was opened from a disk may not read the pages that a search has found, to quote them.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
