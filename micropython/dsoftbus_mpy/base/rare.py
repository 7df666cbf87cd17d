"""Methods that hardly anybody calls leave their class when it is linked (`rare_methods`)."""


def rare(module: str) -> tuple:
    """(`__getattr__`, `__init__`) of classes whose rare methods linking has put into `module`.

    The first binds the method `name`, and raises AttributeError where there is none. The second is
    that of the class of `owner` itself.
    """

    def method(owner, name: str):
        found = __import__(module).find(name)
        return lambda *args, **named: found(owner, *args, **named)

    def begin(owner, *args, **named) -> None:
        getattr(__import__(module).Begin, type(owner).__name__)(owner, *args, **named)

    return method, begin
