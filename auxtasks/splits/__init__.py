"""Labels hidden on purpose, to measure what the others are worth, and the ways of splitting that `audit` takes.

=================================  ===================================================================================
split                              ``audit(..., cv=...)``
=================================  ===================================================================================
a quarter held out for each seed   None, the default; stratified for classes, with ``groups=`` by groups
k folds                            ``5``; stratified for classes, with ``groups=`` by groups
in the order of time               ``sklearn.model_selection.TimeSeriesSplit(5)``
one group at a time                ``sklearn.model_selection.LeaveOneGroupOut()`` and ``groups=``
semi-supervised                    ``SemiSupervisedSplit(0.9)``, or with any of the above as its `cv`
a share of labels for each task    None: hide labels of given columns by `hide_labels` before targets are made
=================================  ===================================================================================
"""

from auxtasks.splits.hiding import hide_labels
from auxtasks.splits.semi_supervised import SemiSupervisedSplit

__all__ = ["SemiSupervisedSplit", "hide_labels"]
