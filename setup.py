"""Package metadata; the settings of the development tools are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
README = ROOT / "README.md"
VERSION = re.search(r'^__version__ = "([^"]+)"', (ROOT / "cnmine" / "__init__.py").read_text(encoding="utf-8"), re.M)

EXTRAS = {
    # Python 3.14 reads zstd itself.
    "zstd": ['zstandard>=0.22; python_version < "3.14"'],
    # Only to compare with; built from source, which takes cmake and a C++ compiler.
    "kenlm": ['kenlm>=0.2; python_version < "3.13"'],
    "test": ["pytest>=8", "hypothesis>=6.100", 'zstandard>=0.22; python_version < "3.14"'],
    "dev": ["ruff>=0.9", "mypy>=1.14", "import-linter>=2.1", "pytest-cov>=5"],
}

setup(
    name="cnmine",
    version=VERSION[1] if VERSION else "0",
    description="Chinese text mining: new words, exact n-gram counts, language models, segmentation, entity linking",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    keywords="chinese nlp text-mining new-word-discovery word-segmentation n-gram 新词发现 中文分词",
    packages=find_packages(include=["cnmine", "cnmine.*"]),
    package_data={"cnmine.segmentation": ["experience.npz"]},
    python_requires=">=3.11",
    install_requires=[
        "click>=8.2",
        "numpy>=2.0",
        "numba>=0.60",
        "jieba>=0.42.1",
        "tqdm>=4.60",
        "scikit-learn>=1.5",
        "threadpoolctl>=3.2",
        "xxhash>=3",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["cnmine=cnmine.cli:main"]},
    zip_safe=False,  # compiled kernels are kept beside their sources
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: MIT License",
        "Natural Language :: Chinese (Simplified)",
        "Natural Language :: Chinese (Traditional)",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Text Processing :: Linguistic",
    ],
)
