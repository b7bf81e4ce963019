"""The options of ``pixmend restore``, as they are typed and as ``--help`` tells them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pixmend.cli.restore.tasks import Rain

# Headings of --help
_DO = "What to do"
_SIZE = "How large"
_LOOK = "To look at first"
_FILE = "The result's file"
_WORK = "Memory and device"
_MANY = "Folders, clusters, and what is larger than memory"

Picture = Annotated[
    Path,
    typer.Argument(metavar="PICTURE", help="A picture file, a video, or a folder of pictures; - is standard input."),
]
Output = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUT",
        help="File or folder to write, - for standard output; else PICTURE_x2.png and the like, beside it.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=64,
        help="Enlarge so many times, 1.5 as well: by the network, the rest resampled.",
        rich_help_panel=_SIZE,
    ),
]
Width = Annotated[
    int | None, typer.Option(min=1, help="Pixels across that the result shall have.", rich_help_panel=_SIZE)
]
Height = Annotated[
    int | None, typer.Option(min=1, help="Pixels down that the result shall have.", rich_help_panel=_SIZE)
]
Fit = Annotated[
    str | None,
    typer.Option(metavar="WxH", help="The largest result that fits in there: 3840x2160.", rich_help_panel=_SIZE),
]
Megapixels = Annotated[
    float | None, typer.Option(min=0.0001, help="Millions of pixels that the result shall have.", rich_help_panel=_SIZE)
]
Ensemble = Annotated[
    int,
    typer.Option(
        metavar="1|8",
        help="8: the mean over all flips and turns, slightly better, 8 times as long.",
        rich_help_panel=_DO,
    ),
]
Strength = Annotated[
    float,
    typer.Option(
        max=1.0, help="Blend the result with the picture: 0.5 is half of what the network does.", rich_help_panel=_DO
    ),
]
Denoise = Annotated[
    int | None,
    typer.Option(metavar="SIGMA", help="Remove noise of this strength, of 255: 15, 25 or 50.", rich_help_panel=_DO),
]
Derain = Annotated[Rain | None, typer.Option(help="Remove rain streaks.", rich_help_panel=_DO)]
Task = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A task by name; repeat it for several, in order.", rich_help_panel=_DO),
]
Model = Annotated[
    list[str],
    typer.Option(
        help="Weights: a name of pixmend models, or any released file. With --compare several, one by one.",
        rich_help_panel=_DO,
    ),
]
Right = Annotated[
    Path | None,
    typer.Option(help="The right view, for networks of two views; PICTURE is the left one.", rich_help_panel=_DO),
]
Compare = Annotated[
    bool,
    typer.Option(
        "--compare", help="Also write a sheet of before and after; of several models, only that.", rich_help_panel=_LOOK
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,W,H", help="Only this part of PICTURE, W x H pixels at X, Y: a quick trial.", rich_help_panel=_LOOK
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist, never PICTURE.", rich_help_panel=_FILE)]
Tile = Annotated[int | None, typer.Option(min=1, help="Side of a tile; else as memory allows.", rich_help_panel=_WORK)]
Overlap = Annotated[
    str | None,
    typer.Option(
        metavar="N|measured",
        help="Pixels that tiles overlap by, or as the picture needs; else by the network.",
        rich_help_panel=_WORK,
    ),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda, cuda:1, ...; for a folder also several.", rich_help_panel=_WORK)
]
Precision = Annotated[
    Literal["float32", "bfloat16"],
    typer.Option(help="What is multiplied in; bfloat16 takes less memory.", rich_help_panel=_WORK),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="All it may take: 2GB, 800MB; else 7 tenths of what is free.",
        rich_help_panel=_WORK,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan, and do nothing.", rich_help_panel=_LOOK)]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="png|jpg|...", help="Of the result; else its name's, or that of PICTURE.", rich_help_panel=_FILE
    ),
]
Quality = Annotated[
    int | None, typer.Option(min=1, max=100, help="Of JPEG, WebP, AVIF and video.", rich_help_panel=_FILE)
]
Lossless = Annotated[
    bool, typer.Option("--lossless", help="WebP and AVIF, or video, that lose nothing.", rich_help_panel=_FILE)
]
Depth = Annotated[
    int | None,
    typer.Option(metavar="8|16|32", help="Bits per channel; else as many as PICTURE has.", rich_help_panel=_FILE),
]
Strip = Annotated[bool, typer.Option("--strip", help="Leave out EXIF, with the place, and XMP.", rich_help_panel=_FILE)]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing", help="For a folder: go on with what is missing or has changed.", rich_help_panel=_MANY
    ),
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch", help="For a folder: then wait for pictures that come or change, until Ctrl-C.", rich_help_panel=_MANY
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(min=1, help="For a folder: tiles of several pictures computed at once.", rich_help_panel=_MANY),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="For a folder or a store such as s3://: Ray at this address, or local, local:8.",
        rich_help_panel=_MANY,
    ),
]
Stream = Annotated[
    bool,
    typer.Option(
        "--stream", help="Row by row, as what is larger than memory; goes on after a kill.", rich_help_panel=_MANY
    ),
]
VerifySeams = Annotated[
    bool,
    typer.Option(
        "--verify-seams", help="With --stream: what the tiles have changed where they meet.", rich_help_panel=_MANY
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="For a folder, a video or --stream: print what became of each file.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
