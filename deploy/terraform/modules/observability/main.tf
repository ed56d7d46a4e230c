# Metrics in Amazon Managed Prometheus with the rules of deploy/observability, alarms by SNS, and alarms of AWS' own.

data "aws_region" "here" {}
data "aws_caller_identity" "here" {}

resource "aws_sns_topic" "alarms" {
  name              = "tidegate-${var.name}-alarms"
  kms_master_key_id = var.logs_key_arn
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "aps.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "pager" {
  for_each  = toset(var.pager_urls)
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "https"
  endpoint  = each.value
}

resource "aws_prometheus_workspace" "this" {
  alias       = "tidegate-${var.name}"
  kms_key_arn = var.logs_key_arn
}

# The same file that is tested by promtool and shipped to any other Prometheus.
resource "aws_prometheus_rule_group_namespace" "rules" {
  name         = "tidegate"
  workspace_id = aws_prometheus_workspace.this.id
  data         = file("${path.module}/../../../observability/rules.yml")
}

resource "aws_prometheus_alert_manager_definition" "this" {
  workspace_id = aws_prometheus_workspace.this.id
  definition   = <<-YAML
    alertmanager_config: |
      route:
        receiver: sns
        group_by: [alertname, org]
        group_wait: 30s
        group_interval: 5m
        repeat_interval: 4h
      receivers:
        - name: sns
          sns_configs:
            - topic_arn: ${aws_sns_topic.alarms.arn}
              sigv4:
                region: ${data.aws_region.here.name}
              send_resolved: true
              subject: '{{ .CommonLabels.alertname }} {{ .Status }}'
  YAML
}
