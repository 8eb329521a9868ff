"""Values that several rooms let a user choose among; each is listed here only."""

from __future__ import annotations

from typing import Literal

NetworkModel = Literal["cycle", "estimate", "ideal"]
SyncKind = Literal["barrier", "handshake"]
Logits = Literal["last", "all"]
Precision = Literal["fp32", "fp16", "int8"]
