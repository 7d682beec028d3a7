"""DataFrames, made fit for a table on a page."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig


def without_mixed(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns whose values are of several kinds (options of a choice) as text, which is all a table can show."""
    mixed = [name for name in frame.columns if pd.api.types.is_object_dtype(frame[name])]
    return frame.assign(**{str(name): frame[name].map(str, na_action="ignore") for name in mixed})


def number_formats(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, ColumnConfig]:
    """Whole numbers in full, others to five digits."""
    return {
        name: st.column_config.NumberColumn(format="localized" if _is_whole(frame[name]) else "%.5g")
        for name in names
        if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].dtype != bool
    }


def _is_whole(values: pd.Series) -> bool:
    finite = values[np.isfinite(values)]
    return bool((finite == finite.round()).all())
