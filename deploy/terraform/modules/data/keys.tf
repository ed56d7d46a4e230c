# A key for each class of data: who may read raw events need not be able to read the audit log.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  account = data.aws_caller_identity.here.account_id
  # class -> what it encrypts
  classes = {
    raw    = "events as received, staged and load files"
    pii    = "the data keys of personal data"
    audit  = "the archive, acts and anchors"
    stores = "Aurora and Redshift"
    logs   = "CloudWatch logs, SNS and secrets"
  }
}

data "aws_iam_policy_document" "key" {
  for_each = local.classes

  # IAM policies of this account decide. The task roles name the key that they may use, and no other.
  statement {
    sid       = "AccountDecides"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.here.partition}:iam::${local.account}:root"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? [1] : []
    content {
      sid       = "ServicesEncryptLogsAndAlarms"
      actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      resources = ["*"]
      principals {
        type        = "Service"
        identifiers = ["logs.${data.aws_region.here.name}.amazonaws.com", "cloudwatch.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}

resource "aws_kms_key" "class" {
  for_each                = local.classes
  description             = "Tidegate ${var.name}: ${each.value}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key[each.key].json

  lifecycle {
    # Every personal value would be lost with the key.
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "class" {
  for_each      = local.classes
  name          = "alias/tidegate-${var.name}-${each.key}"
  target_key_id = aws_kms_key.class[each.key].key_id
}

# Signs the head of the audit log. The engine may sign; it can neither read the private key nor change it.
resource "aws_kms_key" "anchor" {
  description              = "Tidegate ${var.name}: signs anchors of the audit log"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 30
  policy                   = data.aws_iam_policy_document.key["audit"].json

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "anchor" {
  name          = "alias/tidegate-${var.name}-anchor"
  target_key_id = aws_kms_key.anchor.key_id
}
