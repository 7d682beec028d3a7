"""The script that Streamlit runs for each viewer, and again after each click.

It stands here because Streamlit takes a folder `pages` beside its script for one of scripts.
"""

import streamlit as st

from paretree.dashboard.data import mark, opened, store_url
from paretree.dashboard.links import remember_pages
from paretree.dashboard.live import follow
from paretree.dashboard.pages import laws, pareto, sweeps, trial
from paretree.dashboard.pages.sweeps import explain_first_sweep
from paretree.search import StoreError

ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#2a9d8f" stroke-width="1.6">
<path d="M8 13V9M8 9 4 5M8 9l4-4"/>
<circle cx="4" cy="4" r="2"/><circle cx="12" cy="4" r="2"/><circle cx="8" cy="13" r="2"/>
</svg>"""

st.set_page_config(page_title="Paretree", page_icon=ICON, layout="wide")
st.html("<style>.stMainBlockContainer { padding-top: 3rem; }</style>")

pages = {
    "sweeps": st.Page(sweeps.page, title="Sweeps", icon=":material/list:", url_path="sweeps", default=True),
    "pareto": st.Page(pareto.page, title="Pareto", icon=":material/show_chart:", url_path="pareto"),
    "trial": st.Page(trial.page, title="Trial", icon=":material/science:", url_path="trial"),
    "laws": st.Page(laws.page, title="Laws", icon=":material/trending_up:", url_path="laws"),
}
remember_pages(pages)
page = st.navigation(list(pages.values()))

try:
    with opened(store_url()) as store:
        st.sidebar.caption("Store (read only)")
        st.sidebar.code(store.url, language=None, wrap_lines=True)
    page.run()
except StoreError as error:
    st.header("Nothing to show yet")
    st.text(f"{error}.")
    explain_first_sweep()
    follow((-1, True), lambda: mark(store_url(), []))
