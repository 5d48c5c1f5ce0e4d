"""The report page: one frozen overview of an account becomes one HTML file that needs nothing else.

Belongs here: words, tables, pictures and the template of that page. The same overview always gives the same page.
Must not know: SQL, files, settings, the clock.
Read in this order: `render` puts the page together, `outside` makes texts of others fit to be shown, `headline` is
the sentence on top, `picture` the coverage, `plots` the days, `lines` the tables.
May import: core.
"""
