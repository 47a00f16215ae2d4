"""Pictures in many forms, each with the pixels that Pillow sees: oriented as EXIF says and laid over white."""
import base64
import io
import json
import sys

import numpy as np
from PIL import Image, ImageOps

rng = np.random.default_rng(1)
y, x = np.mgrid[0:21, 0:34]
smooth = np.stack([2 * x, 3 * y, 255 - x - 2 * y], -1).astype(np.uint8)
alpha = (200 - 5 * x).astype(np.uint8)
rgb = Image.fromarray(smooth)
rgba = Image.fromarray(np.dstack([smooth, alpha]))
noise = Image.fromarray(rng.integers(0, 256, smooth.shape, np.uint8))
palette = noise.quantize(9)
found = []


def add(name, picture, form, most, **settings):
    """most is how far the mean of the differences may be from Pillow's."""
    out = io.BytesIO()
    picture.save(out, form, **settings)
    seen = ImageOps.exif_transpose(Image.open(io.BytesIO(out.getvalue()))).convert("RGBA")
    seen = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    found.append({"name": name, "file": base64.b64encode(out.getvalue()).decode(), "width": seen.width, "height": seen.height,
                  "pixels": base64.b64encode(seen.tobytes()).decode(), "most": most})


def turned(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


for mode in ["RGB", "L", "1", "LA"]:
    add("png " + mode, noise.convert(mode), "PNG", 0)
add("png RGBA", rgba, "PNG", 0.6)
add("png palette", palette, "PNG", 0)
add("png palette, one transparent", palette, "PNG", 0, transparency=3)
add("png palette, each with its own", palette, "PNG", 0.6, transparency=bytes(range(0, 252, 28)))
add("png RGB, one colour transparent", rgb, "PNG", 0, transparency=(0, 0, 255))
add("gif", palette, "GIF", 0)
add("gif, one transparent", palette, "GIF", 0, transparency=2)
add("gif, frames", palette, "GIF", 0, save_all=True, append_images=[rgb.quantize(5)])
for mode in ["RGB", "L", "1", "P"]:
    add("bmp " + mode, palette if mode == "P" else noise.convert(mode), "BMP", 0)
add("webp lossless", noise, "WEBP", 0, lossless=True)
add("webp lossless RGBA", rgba, "WEBP", 0.6, lossless=True, exact=True)
add("webp", rgb, "WEBP", 2)
add("webp RGBA", rgba, "WEBP", 2)
add("webp, frames", noise, "WEBP", 0, lossless=True, save_all=True, append_images=[rgb])
add("webp RGBA, frames", rgba, "WEBP", 2, save_all=True, append_images=[rgb])
add("jpeg", rgb, "JPEG", 2)
add("jpeg 4:4:4", rgb, "JPEG", 1, subsampling=0)
add("jpeg progressive", rgb, "JPEG", 2, progressive=True)
add("jpeg gray", rgb.convert("L"), "JPEG", 1)
for orientation in range(1, 9):
    for form, most in [("JPEG", 1), ("PNG", 0), ("WEBP", 0)]:
        settings = {"JPEG": {"subsampling": 0}, "PNG": {}, "WEBP": {"lossless": True}}[form]
        add(f"{form.lower()}, orientation {orientation}", rgb, form, most, exif=turned(orientation), **settings)
json.dump(found, sys.stdout)
