"""The error tree. Every message says what happened, with which value, and what to do next.

XclusterError
    InputError          the person gave something that cannot be used (exit code 2)
    MissingStep         an earlier step has not been run (exit code 3)
    WorkspaceError      the workspace is damaged, too new, or in use by another process (exit code 4)
    ModelError          a model did not give a usable answer (exit code 5)
        ModelUnavailable    wrong address, refused, timed out, or a local server that will not start
        ModelMisconfigured  wrong model name, wrong key, no image support
        ContextTooLong      the prompt does not fit
        Refused             the server takes no such question, or not this one; others may be answered
        BadReply            the reply does not follow the schema, after the retries
    WeightsError        model weights cannot be fetched or do not have the pinned hash (exit code 6)
    SpendCapReached     the next question would pass what a run may spend (exit code 7)
"""

from store.records import Usage


class XclusterError(Exception):
    """Anything that xcluster reports to a person instead of failing with a traceback."""

    exit_code = 1


class InputError(XclusterError):
    """The person gave something that cannot be used."""

    exit_code = 2


class MissingStep(XclusterError):
    """An earlier step has not been run."""

    exit_code = 3


class WorkspaceError(XclusterError):
    """The workspace is damaged, too new, or in use by another process."""

    exit_code = 4


class ModelError(XclusterError):
    """A model did not give a usable answer."""

    exit_code = 5
    usage = Usage()
    """What the calls cost all the same, where it is known."""


class ModelUnavailable(ModelError):
    """The server cannot be reached, or did not answer in time."""


class ModelMisconfigured(ModelError):
    """The server answers, but not for this model, key or kind of input."""


class ContextTooLong(ModelError):
    """The prompt does not fit into the model's context."""


class Refused(ModelError):
    """The server takes no such question, or not this one; others may be answered."""


class BadReply(ModelError):
    """The reply does not follow the schema, after the retries."""


class WeightsError(XclusterError):
    """Model weights cannot be fetched, or do not have the pinned hash."""

    exit_code = 6


class SpendCapReached(XclusterError):
    """The next question would pass what the person lets a run spend; what was answered is stored."""

    exit_code = 7
