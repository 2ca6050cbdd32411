"""AutoGraph's work, done ahead: the parent converts the functions that Rasa's networks are made of, and every child has them converted.

TensorFlow rewrites each Python function before it first traces it, which is a quarter of the processor time of a network's first epoch and
of a bot's first graph. What it makes of a function is code, and the same in every process of one Rasa.
"""
from __future__ import annotations

import gc
import importlib
import inspect
import logging
import operator
import shutil
import tempfile
from typing import Any, Callable, Dict, Iterator

NAMES: Dict[str, str] = {
    "rasa.core.policies.ted_policy": """
        TED._compute_dialogue_indices TED._convert_to_original_shape TED._embed_dialogue TED._encode_fake_features_per_attribute
        TED._encode_features_per_attribute TED._encode_real_features_per_attribute TED._process_batch_data TED.batch_predict
    """,
    "rasa.nlu.classifiers.diet_classifier": """
        DIET._batch_predict_entities DIET._batch_predict_intents DIET.batch_predict
    """,
    "rasa.utils.tensorflow.crf": """
        CrfDecodeForwardRnnCell.call crf_decode crf_decode_backward crf_decode_forward
    """,
    "rasa.utils.tensorflow.layers": """
        CRF.call DenseForSparse.call DotProductLoss.apply_mask_and_scaling
        DotProductLoss.get_similarities_and_confidences_from_embeddings DotProductLoss.sim Embed.call Ffnn.call
        MultiLabelDotProductLoss._accuracy MultiLabelDotProductLoss._construct_mask_for_label_padding
        MultiLabelDotProductLoss._get_pos_neg_indicators MultiLabelDotProductLoss._loss_sigmoid
        MultiLabelDotProductLoss._sample_candidates MultiLabelDotProductLoss._train_sim MultiLabelDotProductLoss.call
        RandomlyConnectedDense.call SingleLabelDotProductLoss._calc_accuracy SingleLabelDotProductLoss._compute_sigmoid_loss
        SingleLabelDotProductLoss._compute_softmax_loss SingleLabelDotProductLoss._get_bad_mask SingleLabelDotProductLoss._get_negs
        SingleLabelDotProductLoss._loss_cross_entropy SingleLabelDotProductLoss._sample_negatives
        SingleLabelDotProductLoss._train_sim SingleLabelDotProductLoss.call SparseDropout.call _scale_loss
    """,
    "rasa.utils.tensorflow.layers_utils": """
        batch_flatten get_candidate_values random_indices reduce_mean_equal
    """,
    "rasa.utils.tensorflow.metrics": """
        FBetaScore.result FBetaScore.update_state
    """,
    "rasa.utils.tensorflow.models": """
        RasaModel._convert_dense_features RasaModel._convert_sparse_features RasaModel.batch_to_model_data_format
        TransformerRasaModel._get_batch_dim TransformerRasaModel._get_sentence_feature_lengths
        TransformerRasaModel._get_sequence_feature_lengths TransformerRasaModel._last_token
    """,
    "rasa.utils.tensorflow.rasa_layers": """
        ConcatenateSparseDenseFeatures._process_sparse_feature ConcatenateSparseDenseFeatures.call
        RasaFeatureCombiningLayer._combine_sentence_level_features RasaFeatureCombiningLayer._combine_sequence_level_features
        RasaFeatureCombiningLayer._concat_sequence_sentence_features RasaFeatureCombiningLayer.call RasaSequenceLayer.call
        compute_mask
    """,
    "rasa.utils.tensorflow.transformer": """
        MultiHeadAttention._combine_heads MultiHeadAttention._scaled_dot_product_attention MultiHeadAttention._split_heads
        MultiHeadAttention.call TransformerEncoder._positional_encoding TransformerEncoder.call TransformerEncoderLayer.call
    """,
}
"""What Rasa 3.6 has TensorFlow trace while it trains and asks DIET, response selectors, TED and UnexpecTED, by module. One that is missing here is
converted by the child that meets it."""
logger = logging.getLogger(__name__)


def ahead() -> Iterator[None]:
    """Converts one function each time it is advanced: some 100 ms, without a tensor and without a thread."""
    for module, names in NAMES.items():
        for name in names.split():
            _convert(module, name)
            yield
    gc.collect()
    gc.freeze()  # what a child's collector never looks at stays shared with it


def _convert(module: str, name: str) -> None:
    """TensorFlow keeps what it makes of a function. What can't be had here is left to the child, which meets the same."""
    before, tempfile.tempdir = tempfile.tempdir, tempfile.mkdtemp(prefix="switchboard-autograph-")
    try:
        function: Callable[..., Any] = inspect.unwrap(operator.attrgetter(name)(importlib.import_module(module)))
        from tensorflow.python.autograph.core import converter
        from tensorflow.python.autograph.impl import api

        options = converter.ConversionOptions(recursive=True, optional_features=None)
        api._convert_actual(function, converter.ProgramContext(options=options))
    except Exception as error:  # another Rasa, another TensorFlow
        logger.debug("%s of %s is not converted ahead: %s", name, module, error)
    finally:
        # The code that it makes comes as a file, which nobody needs once it is imported.
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
        tempfile.tempdir = before
