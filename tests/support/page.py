"""A page of the program as its elements, for tests."""

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Elements with their attributes and text, and proof that every tag is closed in its place."""

    def __init__(self, text):
        super().__init__()
        self.elements = []  # [tag, attributes, text, tags around it]
        self.open = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), "", [self.elements[i][0] for i in self.open]])
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), "", [self.elements[i][0] for i in self.open]])

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.handle_data(" ")
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data):
        for i in self.open:
            self.elements[i][2] += data

    def all(self, tag, **attributes):
        return [
            (attrs, " ".join(text.split()))
            for name, attrs, text, _ in self.elements
            if name == tag and all(attrs.get(key) == value for key, value in attributes.items())
        ]

    def texts(self, tag, **attributes):
        return [text for _, text in self.all(tag, **attributes)]
